"""Lead files: what becomes a lead, what is rejected, and what spoils the file."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesura.domain.errors import Invalid
from caesura.domain.lead_file import LeadReader, LeadRow, RejectedRow, read_leads


def read(text: str | bytes, allowed: set[str] | None = None) -> list[LeadRow | RejectedRow]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_leads([data], "leads.csv", allowed))


def leads(text: str) -> list[LeadRow]:
    rows = read(text)
    found = [row for row in rows if isinstance(row, LeadRow)]
    assert len(found) == len(rows), rows
    return found


def only_rejection(text: str) -> RejectedRow:
    (row,) = read(text)
    assert isinstance(row, RejectedRow)
    return row


def test_a_row_becomes_a_lead() -> None:
    (lead,) = leads(
        'Email,First Name,last-name,Note,Time Zone\nAnna@Example.com, Änne ,"O\'Neil, ""A""",,Europe/Berlin\n'
    )
    assert lead.line == 2
    assert lead.address.address == "Anna@example.com"
    assert lead.key == "anna@example.com"
    assert lead.fields == {"first_name": "Änne", "last_name": 'O\'Neil, "A"'}
    assert lead.zone == "Europe/Berlin"
    assert (lead.first_name, lead.last_name, lead.display_name) == ("Änne", 'O\'Neil, "A"', 'Änne O\'Neil, "A"')


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("name,full_name,first_name", "N,F,G", "N"),
        ("name,full_name,first_name", ",F,G", "F"),
        ("name,full_name,first_name", ",,G", "G"),
        ("name,full_name,last_name", ",,L", "L"),
        ("name,full_name,first_name", ",,", None),
    ],
)
def test_the_display_name_is_the_most_complete_one(header: str, cells: str, expected: str | None) -> None:
    (lead,) = leads(f"email,{header}\na@example.com,{cells}\n")
    assert lead.display_name == expected


@pytest.mark.parametrize("name", ["email", " E-Mail ", "EMAIL_ADDRESS", "Email Address", "address", "Mail"])
def test_the_address_column_has_several_names(name: str) -> None:
    assert leads(f"x,{name}\n1,a@example.com\n")[0].address.address == "a@example.com"


def test_a_postal_address_beside_the_email_is_a_variable() -> None:
    (lead,) = leads("address,email\nMain Street 1,a@example.com\n")
    assert lead.fields == {"address": "Main Street 1"}


@pytest.mark.parametrize(("delimiter", "others"), [(",", ";\t"), (";", ",\t"), ("\t", ",;")])
def test_the_delimiter_is_told_by_the_header(delimiter: str, others: str) -> None:
    (lead,) = leads(f"email{delimiter}x{delimiter}y\na@example.com{delimiter}p{others * 5}q{delimiter}r\n")
    assert lead.fields == {"x": f"p{others * 5}q", "y": "r"}


def test_a_delimiter_inside_quotes_does_not_count() -> None:
    with pytest.raises(Invalid) as caught:
        read('email;"1,b,c,d"\n')
    assert [problem.code for problem in caught.value.problems] == ["bad_column"]
    assert "Column 2, '1,b,c,d'" in caught.value.detail


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Notes (internal)", "notes_internal"),
        ("Company / Firm", "company_firm"),
        ("Revenue in %", "revenue_in"),
        ("#Seats", "seats"),
        ("Client's name*", "client_s_name"),
        ("_kept", "_kept"),
    ],
)
def test_what_no_name_can_hold_separates_words_in_a_header(header: str, name: str) -> None:
    (lead,) = leads(f"E-Mail*;{header}\na@example.com;x\n")
    assert lead.fields == {name: "x"}


def test_line_breaks_inside_quotes_are_kept_and_counted() -> None:
    rows = leads('email,note\r\na@example.com,"one\r\ntwo\n"\r\nb@example.com,x\r\n')
    assert [(row.line, row.fields["note"]) for row in rows] == [(2, "one\r\ntwo"), (5, "x")]


def test_blank_lines_are_passed_over() -> None:
    assert [row.line for row in leads("\n\nemail,x\n\na@example.com,1\n\r\n\nb@example.com,2\n\n")] == [5, 8]


def test_a_file_may_have_one_column_and_no_last_line_end() -> None:
    assert [row.line for row in leads("email\ra@example.com\rb@example.com")] == [2, 3]


@pytest.mark.parametrize(
    ("row", "code", "value"),
    [
        ("nobody,x,", "address_syntax", "nobody"),
        (",x,", "address_missing", ""),
        ("a@example.com,x,Mars/Olympus", "unknown_time_zone", "Mars/Olympus"),
        ("a@example.com,x,../../etc/passwd", "unknown_time_zone", "../../etc/passwd"),
        ("a@example.com,x", "too_few_cells", "a@example.com,x"),
        ("a@example.com,x,,", "too_many_cells", "a@example.com,x,,"),
        ('a@example.com,"x"y,', "bad_quotes", 'a@example.com,"x"y,'),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_next_is_read(row: str, code: str, value: str) -> None:
    rejected, lead = read(f"email,x,timezone\n{row}\nb@example.com,y,\n")
    assert isinstance(rejected, RejectedRow) and isinstance(lead, LeadRow)
    assert (rejected.line, rejected.code, rejected.value) == (2, code, value)
    assert rejected.detail
    assert lead.address.address == "b@example.com" and lead.zone is None


def test_the_excerpt_of_a_rejected_row_is_short() -> None:
    assert len(only_rejection(f"email\n{'x' * 5000}\n").value) == 200


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("name,phone\n", ["no_address_column"]),
        ("email,name,Name\n", ["duplicate_column"]),
        ("email,e_mail_,first name,first-name\n", ["duplicate_column"]),
        ("email,time_zone,timezone\n", ["duplicate_column"]),
        ("email,1st,größe,\n", ["bad_column", "bad_column", "bad_column"]),
        ("email," + "x" * 65 + "\n", ["bad_column"]),
        ('email,"a"b\n', ["bad_header"]),
        ("email" + ",x" * 500 + "\n", ["too_many_columns"]),
        ("", ["empty_file"]),
        ('email\n"a', ["unclosed_quote"]),
    ],
)
def test_a_bad_header_refuses_the_file_with_all_its_faults(text: str, codes: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        read(text)
    assert [problem.code for problem in caught.value.problems] == codes
    assert {problem.file for problem in caught.value.problems} == {"leads.csv"}


def test_the_header_s_line_is_told() -> None:
    with pytest.raises(Invalid) as caught:
        read("\n\nname\n")
    assert caught.value.problems[0].line == 3


def test_unknown_columns_are_refused_when_the_known_ones_are_given() -> None:
    assert read("email,time_zone,name\na@example.com,,x\n", allowed={"name"})
    with pytest.raises(Invalid) as caught:
        read("email,nmae,address\na@example.com,x,\n", allowed={"name"})
    assert [problem.code for problem in caught.value.problems] == ["unknown_column", "unknown_column"]


@pytest.mark.parametrize("size", [65_537, 140_000])
def test_a_field_above_64_kilobytes_is_refused_with_its_line(size: int) -> None:
    with pytest.raises(Invalid) as caught:
        read(f"email,note\na@example.com,x\nb@example.com,{'x' * size}\n")
    assert (caught.value.code, caught.value.problems[0].line) == ("field_too_large", 3)
    assert len(leads(f"email,note\na@example.com,{'x' * 65_536}\n")) == 1


def test_rows_come_out_while_the_file_comes_in() -> None:
    consumed = 0

    def chunks() -> Iterator[bytes]:
        nonlocal consumed
        yield b"email\n"
        for number in range(1000):
            consumed += 1
            yield f"a{number}@example.com\n".encode()

    rows = read_leads(chunks())
    assert isinstance(next(rows), LeadRow)
    assert consumed == 1


def test_the_columns_are_known_after_the_header() -> None:
    reader = LeadReader()
    assert reader.columns is None
    list(reader.feed(b"Email,First Name,time_zone,Note\na@example.com"))
    assert reader.columns == ("first_name", "note")


CELLS = st.text(st.sampled_from('ab,;"\n\r \té'), max_size=8)


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 40),
)
def test_what_the_csv_module_writes_is_read_back(
    rows: list[tuple[str, str]], delimiter: str, ending: str, size: int
) -> None:
    file = io.StringIO(newline="")
    # The csv module leaves a CR unquoted when lines end in LF, and a LF when they end in CR.
    has_breaks = any("\r" in cell or "\n" in cell for cells in rows for cell in cells)
    quoting = csv.QUOTE_ALL if has_breaks else csv.QUOTE_MINIMAL
    writer = csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerow(["email", "x", "y"])
    for number, cells in enumerate(rows):
        writer.writerow([f"a{number}@example.com", *cells])
    data = file.getvalue().encode()
    read_back = list(read_leads(data[start : start + size] for start in range(0, len(data), size)))
    expected = [{name: cell.strip() for name, cell in zip("xy", cells, strict=True) if cell.strip()} for cells in rows]
    assert [row.fields for row in read_back if isinstance(row, LeadRow)] == expected
