"""What a run notes about an object, in words."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_babel import force_locale

from datasync_flask.extractions.note_texts import note_text
from datasync_flask.extractions.runs.notes import NoteKind, names_note, note, odd_values_note

NOTES = {
    NoteKind.RETYPED: (note(NoteKind.RETYPED, "Size__c"), "Size__c has a different type than before"),
    NoteKind.DIFFERING: (note(NoteKind.DIFFERING, "Size__c", "size_c_text"), "values are in the column size_c_text"),
    NoteKind.UNSEEN: (names_note(NoteKind.UNSEEN, ("A__c", "B__c")), "A__c, B__c are no longer visible"),
    NoteKind.BESIDE_BULK: (note(NoteKind.BESIDE_BULK, "Max jobs: 10000"), "was reached: Max jobs: 10000"),
    NoteKind.SMALLER_PAGES: (note(NoteKind.SMALLER_PAGES, 12500), "asked for 12,500 rows at a time"),
    NoteKind.EMPTIED: (
        names_note(NoteKind.EMPTIED, ("email", "phone")),
        "The columns email, phone were emptied because their fields are now hashed or left out.",
    ),
    NoteKind.FORMULA: (note(NoteKind.FORMULA, "Sum__c"), "Sum__c is a formula"),
    NoteKind.FORMULAS: (note(NoteKind.FORMULAS, 3, "Sum__c,Share__c"), "Sum__c, Share__c. 3 rows"),
    NoteKind.SHORTENED: (
        note(NoteKind.SHORTENED, "Long__c", "long_x1"),
        "Long__c is called long_x1 in the destination",
    ),
    NoteKind.ODD_VALUES: (
        odd_values_note("Rank__c|rounded", 2, [["001A", "1:2"], ["001B", "3"]]),
        "Rank__c: 2 values have more digits than a column of this type holds. They are rounded here. "
        "For example 001A: 1:2; 001B: 3",
    ),
}


@pytest.mark.parametrize("kind", NoteKind)
@pytest.mark.slow
def test_every_kind_of_note_has_words_in_both_languages(app: Flask, kind: NoteKind) -> None:
    stored, words = NOTES[kind]
    with app.test_request_context():
        assert words in note_text(stored)
        with force_locale("de"):
            assert note_text(stored)
            assert words not in note_text(stored)


def test_a_sentence_without_a_kind_is_shown_as_it_is(app: Flask) -> None:
    with app.test_request_context():
        assert note_text("REST: the query is too complicated") == "REST: the query is too complicated"
