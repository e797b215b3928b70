"""What a person writes about runs is neither lost nor overwritten."""

from studio.widgets.notes_card import NotesCard


def test_that_a_half_written_note_is_kept_when_news_come_and_given_when_the_window_closes(on_screen, qtbot) -> None:
    card, given = NotesCard(), []
    card.note_written.connect(given.append)
    on_screen(card)
    card.show_notes("good", "old")
    card.note.setPlainText("half wri")
    card.show_notes("better", "somebody else's")
    assert card.note.toPlainText() == "half wri" and card.tags.text() == "better"
    card.hide()
    assert given == ["half wri"]
