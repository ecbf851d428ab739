"""The route about the chapter: its sections with today's programs, which jobs of kind ``example`` run."""

from __future__ import annotations

from fastapi import APIRouter

from serve_deployments.schemas.chapter import Example, Examples
from training import chapter

router = APIRouter(prefix="/examples", tags=["examples"])


@router.get("")
def examples() -> Examples:
    """Every section of the chapter in its order: what it was about, old names and today's, today's program."""
    found = chapter.sections().values()
    return Examples(examples=[Example(**section.model_dump(), source=section.source()) for section in found])
