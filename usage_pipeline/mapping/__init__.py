"""From headers to fields, and from the text of a cell to a typed value."""
