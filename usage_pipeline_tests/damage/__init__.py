"""Damaged files are refused or set aside at the right line; nothing is ever misread in silence."""
