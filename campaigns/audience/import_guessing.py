"""Which column of a file is which field: by the names that shop systems give to their columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from campaigns.audience.import_columns import FIELDS

# In the form to which `_plain` brings a name: small letters and digits alone.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "external_id": ("id", "customerid", "customernumber", "customerno", "clientid", "kundennummer", "customer"),
    "customer_id": ("externalid", "customer", "customernumber", "customerno", "clientid", "kundennummer", "userid"),
    "email": ("emailaddress", "mail", "mailaddress", "customeremail", "courriel"),
    "first_name": ("firstname", "givenname", "forename", "vorname", "prenom", "name"),
    "last_name": ("lastname", "surname", "familyname", "nachname", "nom"),
    "locale": ("language", "lang", "preferredlanguage", "sprache", "langue"),
    "timezone": ("timezonename", "tz"),
    "country": ("countrycode", "land", "pays", "addresscountry", "countryname"),
    "city": ("town", "stadt", "ort", "ville", "addresscity"),
    "latitude": ("lat",),
    "longitude": ("lon", "lng", "long"),
    "tags": ("tag", "labels", "keywords"),
    "sku": ("productsku", "variantsku", "productid", "productcode", "stockcode", "itemcode", "article", "articlenumber", "lineitemsku"),
    "title": ("name", "producttitle", "productname", "itemname"),
    "description": ("body", "bodyhtml", "productdescription", "longdescription"),
    "category": ("producttype", "type", "productcategory", "categories"),
    "brand": ("vendor", "manufacturer", "maker", "marque", "marke"),
    "price": ("variantprice", "saleprice", "amount", "preis", "prix"),
    "currency": ("currencycode", "waehrung", "devise"),
    "url": ("link", "producturl", "permalink", "weburl"),
    "image_url": ("image", "imagelink", "imagesrc", "picture", "pictureurl"),
    "stock": ("quantity", "inventory", "inventoryqty", "stockquantity", "availability", "bestand"),
    "order_id": ("id", "order", "ordernumber", "orderno", "invoice", "invoiceno", "invoicenumber", "name"),
    "quantity": ("qty", "amount", "count", "lineitemquantity", "menge"),
    "unit_price": ("price", "unitprice", "itemprice", "lineitemprice"),
    "ordered_at": ("orderdate", "date", "createdat", "created", "invoicedate", "purchasedat", "datum"),
    "purpose": ("consent", "kind", "type", "channel"),
    "action": ("status", "state", "given", "event"),
    "wording": ("text", "consenttext", "statement"),
    "source": ("origin", "via", "collectedby"),
    "at": ("date", "timestamp", "time", "when", "createdat", "consentdate"),
}  # fmt: skip


def guess_columns(kind: str, header: Sequence[str]) -> dict[str, str]:
    """{field: column} for those fields of the kind whose column is told by its name; each column is taken once.

    A column of the field's own name goes before one of another name, whatever their order.
    """
    free = {_plain(column): column for column in reversed(header) if column.strip()}
    found: dict[str, str] = {}
    for names in (lambda field: (field,), lambda field: _OTHER_NAMES.get(field, ())):
        for field in FIELDS[kind]:
            if field.name in found:
                continue
            match = next((name for name in map(_plain, names(field.name)) if name in free), None)
            if match is not None:
                found[field.name] = free.pop(match)
    return {field.name: found[field.name] for field in FIELDS[kind] if field.name in found}


def _plain(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name.lower())
    return re.sub(r"[^a-z0-9]", "", "".join(letter for letter in apart if not unicodedata.combining(letter)))
