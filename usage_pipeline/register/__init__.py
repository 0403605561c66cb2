"""Uploads, their states and every decision about them: what sensors, checks and people look at."""

from usage_pipeline.register.records import Receipt, Upload, Verdict
from usage_pipeline.register.register import Register, UnknownUpload, WrongState, require
from usage_pipeline.register.states import State

__all__ = [
    "Receipt",
    "Register",
    "State",
    "UnknownUpload",
    "Upload",
    "Verdict",
    "WrongState",
    "require",
]
