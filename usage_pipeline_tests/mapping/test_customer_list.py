"""The list of customers is read exactly, or refused; then no file is judged."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from usage_pipeline.mapping.customers import CustomersUnusable, load_customers
from usage_pipeline.schema import load_schemas
from usage_pipeline.warehouse import scratch_connection
from usage_pipeline_tests.listed_customers import describe, list_of, usage_of
from usage_pipeline_tests.workplace import Workplace


def loaded(work: Workplace) -> list[str]:
    """The customers that uploads would be held against."""
    with scratch_connection(work.folder) as connection:
        load_customers(connection, load_schemas()["listed"], work.data)
        found = connection.execute("SELECT customer_id FROM known_customers ORDER BY ALL")
        return [one for (one,) in found.fetchall()]


def written(work: Workplace, content: str | bytes) -> Path:
    path = work.data / "customers.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(work: Workplace) -> str:
    with pytest.raises(CustomersUnusable) as error:
        loaded(work)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "customers"),
    [
        ("Account\nacme\nglobex\n", ["acme", "globex"]),
        ("Account\nacme", ["acme"]),
        ("Name;Account\nAcme, Ltd;acme\n", ["acme"]),
        ("Name\tACCOUNT \nAcme\tacme\n", ["acme"]),
        ('Account\n"a,b"\n"say ""hi"""\n', ["a,b", 'say "hi"']),
        ("Account\n acme \nACME\n", [" acme ", "ACME"]),
        ("Account\n007\n1.50\nNULL\n", ["007", "1.50", "NULL"]),
        ("Account\nacme\nacme\n\n", ["acme"]),
        ("Name,Account\nAcme,acme\nNobody,\n", ["acme"]),
        ("\ufeffAccount\nCafé\n", ["Café"]),
        ("Account\nacme\n".encode("utf-16"), ["acme"]),
        (gzip.compress(b"Account\nacme\n"), ["acme"]),
    ],
)
def test_the_customers_are_those_of_the_column_as_they_are_written(
    work: Workplace, content: str | bytes, customers: list[str]
) -> None:
    describe(work)
    written(work, content)
    assert loaded(work) == customers


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "The file holds no records"),
        ("Account\n", "its column Account names no customer"),
        ("Account\n\n\n", "its column Account names no customer"),
        ("Name,Account\nAcme,\n", "its column Account names no customer"),
        ("Name,Number\nAcme,acme\n", "it has no column 'Account', but 'Name', 'Number'"),
        ("Account,account\nacme,b\n", "it has two columns 'Account'"),
        ("Account\nacme\nAcme, Ltd\n", "line 3: "),
        ('Account\n"acme\n', "line 2: "),
        ("Account\nCafé\n".encode("cp1252"), "line 2: "),
        ("Account\nac\x07me\n", "line 2: "),
        (gzip.compress(b"Account\nacme\n")[:-9], "cannot be used: "),
    ],
)
def test_a_list_that_cannot_be_relied_on_is_refused_whole(
    work: Workplace, content: str | bytes, says: str
) -> None:
    describe(work)
    path = written(work, content)
    told = refusal(work)
    assert told.startswith(f"The list of customers {path} cannot be used: ")
    assert says in told
    assert "put a CSV file in UTF-8 with the column Account there" in told


def test_a_list_that_is_not_there_is_told_with_its_place(work: Workplace) -> None:
    describe(work)
    assert refusal(work).startswith(
        f"The list of customers {work.data / 'customers.csv'} cannot be used: there is no such file"
    )


def test_a_folder_is_no_list(work: Workplace) -> None:
    describe(work)
    (work.data / "customers.csv").mkdir()
    assert "it is not a file" in refusal(work)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_list_that_may_not_be_read_is_told(work: Workplace) -> None:
    describe(work)
    list_of(work, "acme").chmod(0)
    assert "Permission denied" in refusal(work)


def test_a_path_that_the_system_refuses_is_told(work: Workplace) -> None:
    describe(work)
    file = work.defs / "listed" / "defs.yaml"
    file.write_text(file.read_text().replace("customers.csv", "x" * 300))
    assert "File name too long" in refusal(work)


def test_the_list_may_lie_elsewhere(work: Workplace, tmp_path: Path) -> None:
    describe(work)
    elsewhere = list_of(work, "acme").rename(tmp_path / "elsewhere's.csv")
    file = work.defs / "listed" / "defs.yaml"
    file.write_text(file.read_text().replace("customers.csv", f'"{elsewhere}"'))
    assert loaded(work) == ["acme"]


def test_the_column_is_called_customer_id_unless_the_schema_says_otherwise(work: Workplace) -> None:
    describe(work)
    file = work.defs / "listed" / "defs.yaml"
    file.write_text(file.read_text().replace(", column: Account", ""))
    written(work, "Account,customer_id\nno,acme\n")
    assert loaded(work) == ["acme"]


def test_check_ends_as_a_matter_of_the_machine_without_a_list(work: Workplace) -> None:
    describe(work)
    done = work.run("check", usage_of(work, "acme"), "--schema", "listed")
    assert (done.exit_code, done.out) == (3, "")
    assert done.err.startswith("The list of customers ")
    assert "Traceback" not in done.err
