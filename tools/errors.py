"""The errors of the tools that are answers, not bugs."""


class ToolError(Exception):
    """Something expected went wrong. The text is for a person: what happened, and what to do next."""
