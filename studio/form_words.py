"""A recipe's field as the row of a form wants it."""

from engine.fields import Field
from studio import recipe_fields
from studio.widgets.field_editor import FieldWords


def field_words(field: Field) -> FieldWords:
    choices = tuple((choice, recipe_fields.choice_text(choice)) for choice in field.choices)
    place = "file" if recipe_fields.is_file(field) else "path"
    kind = field.kind if field.kind in ("choice", "switch") else place if recipe_fields.is_path(field) else "line"
    return FieldWords(field.path, recipe_fields.label_of(field), kind, field.unit, choices)
