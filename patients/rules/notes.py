"""Clinical notes: what they are called in LOINC, how long they may be, who may do what with one."""

from __future__ import annotations

from typing import Final

#: Kind → LOINC code of the document type.
LOINC_KINDS: Final = {
    "consultation": "11488-4",
    "progress": "11506-3",
    "nursing": "34746-8",
    "admission": "34117-2",
    "procedure": "28570-0",
    "discharge": "18842-5",
    "letter": "57133-1",
    "other": "34109-9",
}
#: Kinds that the patient reads by themselves once they are signed. Progress and nursing notes are the team's running
#: notes of a stay, which may speak of third persons: those are handed out on request, by somebody who has read them
#: (Code de la santé publique, art. L1111-7, leaves out what was gathered from or about third persons).
PATIENT_KINDS: Final = frozenset({"consultation", "admission", "procedure", "discharge", "letter", "other"})

#: Twenty times the longest letter anybody writes. Beyond it a paste went wrong, or it should be a document.
LONGEST_NOTE: Final = 1_000_000
LONGEST_REASON: Final = 2000

DRAFT: Final = "preliminary"
WITHDRAWN: Final = "entered-in-error"


def unstorable(text: str) -> bool:
    """True for what no database keeps: the NUL character, and half of a surrogate pair, which is no character."""
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)


def as_typed(text: str) -> str:
    """The text as the person typed it. Browsers send a line's end as two characters, whichever key was pressed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def may_draft(status: str, *, is_author: bool) -> bool:
    """Colleagues may help with a draft; a signed text is amended by who signed it."""
    return status == DRAFT or (is_author and status != WITHDRAWN)


def may_sign(status: str, *, is_author: bool) -> bool:
    return is_author and status != WITHDRAWN


def may_withdraw(status: str, *, is_author: bool, is_doctor: bool) -> bool:
    """A doctor too: a note in the wrong record must go even when its author has left."""
    return status != WITHDRAWN and (is_author or is_doctor)
