"""The steps of the editor, in the order in which one goes through them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `name` is its section's and its blueprint's; `question` is what it asks, as its heading."""

    name: str
    label: str
    question: str

    @property
    def endpoint(self) -> str:
        """Where it is shown; takes the campaign's number as `number`."""
        return f"console.editor.{self.name}.show"


STEPS: tuple[Step, ...] = (
    Step("audience", "Audience", "Who gets it, and from whom?"),
    Step("picks", "Picks", "Which products does everybody get?"),
    Step("brief", "Brief", "What shall it say?"),
    Step("template", "Template", "What does it look like?"),
    Step("schedule", "Schedule", "When does it go out?"),
    Step("experiment", "Experiment", "Do you want to try several ways?"),
    Step("check", "Check", "Is everything right?"),
)


def step_of(name: str) -> Step:
    """The step of this name."""
    return next(step for step in STEPS if step.name == name)


def after(name: str) -> Step | None:
    """The step after this one; None after the last."""
    later = STEPS[[step.name for step in STEPS].index(name) + 1 :]
    return later[0] if later else None
