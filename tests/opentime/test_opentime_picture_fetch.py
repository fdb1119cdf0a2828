"""Fetching pictures from shops: what is taken, what is refused, and that nobody is led into a private network."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opentime_samples import picture
from PIL import Image

from campaigns.core.errors import BadInput, Rejected, ServiceUnavailable
from campaigns.core.public_http import is_public, origin_of
from campaigns.opentime.drawing import picture_fetch
from campaigns.opentime.drawing.picture_fetch import PictureFetcher
from campaigns.opentime.drawing.pictures import LARGEST_BYTES
from tests.shop_site import ShopSite, shop_site

AGENT = "Tailormail (+https://mail.example)"


@pytest.fixture
def site() -> Iterator[ShopSite]:
    with shop_site() as site:
        yield site


@pytest.fixture
def fetcher(site: ShopSite) -> PictureFetcher:
    return PictureFetcher(AGENT, frozenset([("127.0.0.1", site.port)]))


def test_a_picture_is_fetched_as_it_is(site: ShopSite, fetcher: PictureFetcher) -> None:
    body = picture(60, 30)
    file = fetcher.fetch(site.show("/a%20b.png?size=2", body) + "#top")
    assert (file.body, file.media_type, file.size) == (body, "image/png", "60x30")
    assert site.agents == {AGENT}
    assert site.hosts == [f"127.0.0.1:{site.port}"]


def test_a_large_picture_is_brought_down_and_turned_the_right_way_up(
    site: ShopSite, fetcher: PictureFetcher
) -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn: EXIF's orientation
    Image.new("RGB", (2400, 1200), "teal").save(out, "JPEG", exif=exif)
    file = fetcher.fetch(site.show("/large.jpg", out.getvalue(), "image/jpeg"))
    assert (file.media_type, file.size) == ("image/jpeg", "400x800")


def test_a_large_picture_keeps_what_is_clear(site: ShopSite, fetcher: PictureFetcher) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (1000, 900), (0, 0, 0, 0)).save(out, "PNG")
    file = fetcher.fetch(site.show("/clear.png", out.getvalue()))
    assert (file.media_type, file.size) == ("image/png", "800x720")
    with Image.open(io.BytesIO(file.body)) as image:
        assert image.getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_redirects_are_followed_a_few_times(site: ShopSite, fetcher: PictureFetcher) -> None:
    site.show("/3.png", picture())
    for number in range(3):
        site.pages[f"/{number}.png"] = (302, {"Location": f"{number + 1}.png"}, b"")
    assert fetcher.fetch(site.url("/0.png")).size == "60x30"
    site.pages["/round.png"] = (301, {"Location": "/round.png"}, b"")
    with pytest.raises(Rejected, match="redirects"):
        fetcher.fetch(site.url("/round.png"))


@pytest.mark.parametrize(
    ("page", "error", "says"),
    [
        ((404, {}, b"gone"), Rejected, "HTTP 404"),
        ((429, {}, b""), ServiceUnavailable, "HTTP 429"),
        ((503, {}, b""), ServiceUnavailable, "HTTP 503"),
        ((200, {}, b"<html>"), BadInput, "not a whole PNG, JPEG or GIF"),
        ((200, {}, picture()[:60]), BadInput, "not a whole PNG, JPEG or GIF"),
        ((200, {}, b"x" * (LARGEST_BYTES + 1)), Rejected, "more than 2,000,000 bytes"),
        ((200, {"Content-Length": "900"}, picture()), ServiceUnavailable, "ProtocolError"),
        ((302, {"Location": "file:///etc/passwd"}, b""), Rejected, "no http or https address"),
    ],
)
def test_what_is_no_picture_is_refused(
    site: ShopSite,
    fetcher: PictureFetcher,
    page: tuple[int, dict[str, str], bytes],
    error: type[Exception],
    says: str,
) -> None:
    site.pages["/x.png"] = page
    with pytest.raises(error, match=says):
        fetcher.fetch(site.url("/x.png"))


def test_a_slow_shop_is_not_waited_for(
    site: ShopSite, fetcher: PictureFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_fetch, "SECONDS", 0.2)
    site.delay = 1.0
    with pytest.raises(ServiceUnavailable):
        fetcher.fetch(site.show("/slow.png", picture()))


def test_private_networks_are_not_asked(site: ShopSite) -> None:
    fetcher = PictureFetcher(AGENT)
    url = site.show("/x.png", picture())
    for inside in (url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "[::1]")):
        with pytest.raises(Rejected, match="private network"):
            fetcher.fetch(inside)
    assert not site.asked


def test_a_redirect_does_not_lead_inside(site: ShopSite, fetcher: PictureFetcher) -> None:
    with shop_site() as other:
        site.pages["/x.png"] = (302, {"Location": other.show("/secret.png", picture())}, b"")
        with pytest.raises(Rejected, match="private network"):
            fetcher.fetch(site.url("/x.png"))
        assert not other.asked


def test_the_host_is_looked_up_once(site: ShopSite) -> None:
    """Or a name server could answer with a public address first, and with a private one then."""
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    fetcher = PictureFetcher(AGENT, frozenset([("shop.example", site.port)]), resolve)
    site.show("/x.png", picture())
    assert fetcher.fetch(site.url("/x.png", host="shop.example")).size == "60x30"
    assert asked == ["shop.example"]
    assert site.hosts == [f"shop.example:{site.port}"]


def test_a_certificate_must_be_that_of_the_host(tmp_path: Path) -> None:
    certificate, trusted = _certificate("shop.example", tmp_path)
    with shop_site(certificate) as site:
        site.show("/x.png", picture())
        hosts = "shop.example", "other.example"
        fetcher = PictureFetcher(
            AGENT, frozenset((host, site.port) for host in hosts), lambda *_: ["127.0.0.1"], str(trusted)
        )
        assert fetcher.fetch(site.url("/x.png", "https", "shop.example")).size == "60x30"
        with pytest.raises(ServiceUnavailable, match="SSLError"):
            fetcher.fetch(site.url("/x.png", "https", "other.example"))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("10.1.2.3", False), ("127.0.0.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("0.0.0.0", False), ("::1", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Shop.Example/a.png", ("shop.example", 443)),
        ("http://shop.example:8080/a.png", ("shop.example", 8080)),
        ("https://käse.example/a.png", ("xn--kse-qla.example", 443)),
        ("ftp://shop.example/a.png", None),
        ("https:///a.png", None),
        ("https://[::1/a.png", None),
        ("https://shop.example:port/", None),
        ("data:image/png;base64,AA", None),
        ("", None),
    ],
)
def test_origins(url: str, origin: tuple[str, int] | None) -> None:
    assert origin_of(url) == origin


def _certificate(host: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate for the host that vouches for itself, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "trusted.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted
