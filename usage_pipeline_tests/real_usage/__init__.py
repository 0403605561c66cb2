"""Files that nobody here wrote, taken through the whole flow and held against an oracle."""
