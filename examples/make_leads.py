"""Makes leads.csv: awkward but plausible leads, the same on every run. All addresses are at reserved domains.

python examples/make_leads.py [FILE]
"""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ("Email", "First Name", "Last Name", "Company", "City", "Note", "Time Zone")
PLAIN_ROWS = 500

FIRST_NAMES = (
    "Anna", "Ben", "Chloé", "Dmitri", "Élodie", "Fatima", "Grzegorz", "Hana", "İpek", "Jörg", "Kim", "Łukasz",
    "María José", "Ngọc", "Øyvind", "Priya", "Quentin", "Rene\u0301", "Søren", "Tomáš", "Ürün", "Владимир", "李娜",
    "Zoë", "",
)  # fmt: skip
LAST_NAMES = (
    "Schmidt", "O'Brien", "van der Berg", "Smith-Jones", "Müller", "García Márquez", "Nguyễn", "Åkesson", "D’Angelo",
    "Novák", "Kowalska", "St. John", "Þórsdóttir", "Иванова", "王", "de la Cruz", "",
)  # fmt: skip
COMPANIES = (
    "Nordwind GmbH", "Smith, Sons & Co.", 'The "Best" Shop', "Bücher & Mehr", "Café Crème", "100% Clean", "A/B Tools",
    "", "Øresund Logistik A/S", "株式会社サンプル", "Tom's Diner", "C:\\Works", "Five <5> Stars", "Semi;Colon Ltd",
    "🚲 Bikes",
)  # fmt: skip
CITIES = ("Berlin", "São Paulo", "", "Kraków", "東京", "Reykjavík", "St. Louis, MO", "Zürich", "", "L'Aquila", "Kyiv")
NOTES = (
    "",
    "",
    "met at the fair",
    "Asked for a quote,\nthen went on holiday",
    "likes “curly” quotes",
    "",
    "call 9:00\t– 11:00",
)
ZONES = ("", "Europe/Berlin", "America/New_York", "", "Asia/Kolkata", "Pacific/Auckland", "America/Sao_Paulo", "UTC")
DOMAINS = (
    "example.com",
    "example.org",
    "example.net",
    "mail.example",
    "nordwind.example",
    "shop.test",
    "a-b.example.com",
)

# Rows that are taken, however odd they look. The cells are in the order of COLUMNS.
ODD_ROWS: tuple[tuple[str, ...], ...] = (
    ("grüße@münchen.example", "Jürgen", "Groß", "Straßenbau", "München", "local part and domain beyond ASCII", ""),
    ("用户@例え.example", "娜", "李", "", "東京", "needs SMTPUTF8", "Asia/Tokyo"),
    ("info@bücher.example", "", "", "Bücher", "Köln", "an internationalised domain", "Europe/Berlin"),
    ("kontakt@xn--strae-oqa.example", "", "", "Straße", "", "already in A-label form", ""),
    ("Anna.MARIA+News@Example.COM", "Anna", "Maria", "", "", "capitals and a plus", ""),
    ("  blanks.around@example.com  ", "  Blank ", " Around ", "", "", "  surrounded  ", ""),
    ("o'brien@example.org", "Conor", "O'Brien", "O'Brien & Daughters", "Cork", "", "Europe/Dublin"),
    ("x@example.net", "X", "", "", "", "", ""),
    ("template@example.com", "{{ first_name }}", "{% if x %}", "{a|b}", "", "looks like a template", ""),
    ("markup@example.com", "<b>Bold</b>", "&amp;", "<script>alert(1)</script>", "", "looks like HTML", ""),
    ("formula@example.com", "=1+1", "+49 30 1234", "@cmd", "-2", "looks like a formula", ""),
    ("lines@example.com", "Three", "Lines", "", "First\r\nSecond\r\nThird", "line breaks\nof both\r\nkinds", ""),
    ("quotes@example.com", 'Robert "Bob"', '"', '""', '","', 'she said: "yes, please"', ""),
    ("long@example.com", "Long", "Note", "", "", "All work and no play makes a long note. " * 50, ""),
    ("l" * 64 + "@example.com", "Longest", "Local Part", "", "", "", ""),
    ("a@" + "label." * 20 + "example.com", "Many", "Labels", "", "", "", ""),
    ("!#$%&'*+/=?^_`{|}~-@example.com", "All", "Signs", "", "", "all that RFC 5321 allows", ""),
    ("rtl@example.com", "שרה", "כהן", "", "ירושלים", "right to left", "Asia/Jerusalem"),
    ("emoji@example.com", "👩🏽‍💻", "🎉", "", "", "", ""),
)

# The same people again: all these are taken by the reader and found to be duplicates at the import.
DUPLICATES: tuple[tuple[str, ...], ...] = (
    ("lead0001@example.org", "Again", "", "", "", "the same address", ""),
    ("LEAD0002@EXAMPLE.NET", "Again", "", "", "", "in capitals", ""),
    (" lead0003@mail.example ", "Again", "", "", "", "with blanks", ""),
    ("info@xn--bcher-kva.example", "Again", "", "", "", "the A-label form of another row", ""),
    ("GRÜSSE@MÜNCHEN.example", "Again", "", "", "", "capitals beyond ASCII", ""),
    ("anna.maria+news@example.com", "Again", "", "", "", "", ""),
    ("lead0001@example.org", "And again", "", "", "", "", ""),
)

# Rows with the right number of cells that are refused.
BAD_ROWS: tuple[tuple[str, ...], ...] = (
    ("", "No", "Address", "", "", "", ""),
    ("   ", "Blank", "Address", "", "", "", ""),
    ("n/a", "Not", "Available", "", "", "", ""),
    ("nobody.example.com", "No", "At Sign", "", "", "", ""),
    ("two@at@example.com", "Two", "At Signs", "", "", "", ""),
    ("first@example.com; second@example.com", "Two", "Addresses", "", "", "", ""),
    ("Kim Lee <kim@example.com>", "With", "Name", "", "", "", ""),
    ('"quoted local"@example.com', "Quoted", "Local Part", "", "", "", ""),
    ("someone@[192.0.2.1]", "Address", "Literal", "", "", "", ""),
    ("double..dot@example.com", "Double", "Dot", "", "", "", ""),
    ("inner space@example.com", "Inner", "Space", "", "", "", ""),
    ("mailto:link@example.com", "Mail", "Link", "", "", "", ""),
    ("trailing.dot@example.com.", "Trailing", "Dot", "", "", "", ""),
    ("no.top.level@example", "No", "Top Level", "", "", "", ""),
    ("under_score@exa_mple.com", "Under", "Score", "", "", "", ""),
    ("printer@office.local", "Local", "Name", "", "", "", ""),
    ("zero\u200bwidth@example.com", "Zero", "Width", "", "", "", ""),
    ("\ufeffmark@example.com", "Byte Order", "Mark", "", "", "", ""),
    ("x" * 250 + "@example.com", "Too", "Long", "", "", "", ""),
    ("wide＠example.com", "Wide", "At Sign", "", "", "", ""),
    ("zone1@example.com", "Wrong", "Zone", "", "", "", "Mars/Olympus"),
    ("zone2@example.com", "Wrong", "Zone", "", "", "", "europe/berlin"),
    ("zone3@example.com", "Wrong", "Zone", "", "", "", "UTC+2"),
)

# Lines that are wrong as CSV, and blank ones, which are passed over.
BAD_LINES = (
    "many@example.com,Too,Many,Cells,Here,,UTC,one more",
    "comma@example.com,An,Unquoted,Smith, Sons & Co.,Berlin,,UTC",
    "few@example.com,Too,Few",
    'quote@example.com,A "quote" in plain text is fine,,,,,',
    'stray@example.com,"A closing quote" and more,,,,,',
    "",
    "",
)


def plain_rows() -> Iterator[tuple[str, ...]]:
    """Ordinary leads: each list is walked through at its own pace, so that all kinds meet."""
    lists = (FIRST_NAMES, LAST_NAMES, COMPANIES, CITIES, NOTES, ZONES)
    for number in range(PLAIN_ROWS):
        cells = (values[(number * 7 + number // len(values)) % len(values)] for values in lists)
        yield f"lead{number:04}@{DOMAINS[number % len(DOMAINS)]}", *cells


def make() -> str:
    """The file's text. The rows that are not ordinary are spread over it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    special = [*ODD_ROWS, *BAD_ROWS, *BAD_LINES]
    every = PLAIN_ROWS // len(special)
    for number, row in enumerate(plain_rows()):
        writer.writerow(row)
        if number % every == every - 1 and special:
            extra = special.pop(0)
            if isinstance(extra, str):
                file.write(extra + "\r\n")
            else:
                writer.writerow(extra)
    writer.writerows(DUPLICATES)
    return file.getvalue()


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("leads.csv")
    target.write_bytes(make().encode())
