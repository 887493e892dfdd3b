"""Messages of a spreadsheet in the place of a value that it could not calculate or show."""

from __future__ import annotations

import re

# #N/A, #DIV/0!, #REF!, in German #NV and #WERT!, in Spanish #¡REF!, in Russian #ССЫЛКА!; and ##### where a
# column was too narrow.
_SHEET_ERROR = re.compile(
    r"#(?:[¡¿]?[^\W_][^\W_/ ]*(?:/0)?[!?]|N/A|NV|N/D|Н/Д|BRAK|I/T|YOK|HIÁNYZIK|NB|N/B|GETTING_DATA|#+)\Z"
)
# LibreOffice's: Err:502, in Dutch Fout:502.
_OFFICE_ERROR = re.compile(
    r"(?:Err|Erro|Error|Erreur|Fehler|Fout|Fel|Feil|Fejl|Chyba|Hiba|Hata|Błąd|Ошибка|Помилка|Virhe|エラー|错误|錯誤|오류)"
    r"\s?:\s?5[0-9]{2}\Z"
)


def is_error(cell: str) -> bool:
    return bool(_SHEET_ERROR.match(cell) or _OFFICE_ERROR.match(cell))
