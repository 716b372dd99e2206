"""The fields that bodies of this slice share."""

from typing import Annotated

from pydantic import Field, StringConstraints

Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="your own names and values, up to 50"),
]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}$", max_length=254)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
