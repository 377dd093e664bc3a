"""A run as a page that a person opens: `report.html` in its output folder."""
