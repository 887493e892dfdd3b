"""Spreadsheet files in and out: CSV in its dialects, XLSX, and what is pasted from a spreadsheet."""
