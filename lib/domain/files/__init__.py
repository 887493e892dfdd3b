"""
Files of charges as a person reads them: cells as they are shown, number styles, headings, what is no charge.

Pure rules on text cells. Reading bytes is lib/spreadsheets; what a row would do is lib/domain/preflight.
"""
