"""Uploads, their states and every decision about them: what sensors, checks and people look at."""

from usage_pipeline.register.decisions import Decision
from usage_pipeline.register.lines import UnknownUpload, WrongState, require
from usage_pipeline.register.records import Receipt, Upload, Verdict
from usage_pipeline.register.register import Register
from usage_pipeline.register.states import State

__all__ = [
    "Decision",
    "Receipt",
    "Register",
    "State",
    "UnknownUpload",
    "Upload",
    "Verdict",
    "WrongState",
    "require",
]
