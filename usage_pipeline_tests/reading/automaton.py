"""An independent reader: RFC 4180 byte by byte, slow and plain."""

from dataclasses import dataclass, field


@dataclass
class Account:
    """What a file holds, up to the place where it is refused, if it is."""

    records: list[tuple[int, list[bytes], bytes]] = field(default_factory=list)  # line, cells, raw
    blanks: list[int] = field(default_factory=list)
    refusal: tuple[str, int] | None = None  # code, line on which the record starts
    physical_lines: int = 0
    unterminated_line: int | None = None

    @property
    def last_is_doubtful(self) -> bool:
        """It does not fit the header, and its quotes run over several lines."""
        _, cells, raw = self.records[-1]
        return len(cells) != len(self.records[0][1]) and (b"\n" in raw or b"\r" in raw)

    def refuse_last(self) -> None:
        line, cells, _ = self.records.pop()
        code = "missing-cell" if len(cells) < len(self.records[0][1]) else "extra-cell"
        self.refusal = (code, line)


def first_misencoded(data: bytes) -> int | None:
    nul = data.find(b"\0")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start if nul < 0 else min(nul, error.start)
    return None if nul < 0 else nul


def account_of(data: bytes, delimiter: bytes) -> Account:
    data = data.removeprefix(b"\xef\xbb\xbf")
    account = Account()
    bad = first_misencoded(data)
    state, cell, cells = "start", b"", []
    line = record_line = 1
    record_start = at = 0
    while at < len(data):
        byte = data[at : at + 1]
        if at == bad and state != "closed":
            account.refusal = ("encoding-error", record_line)
            return account
        line_end = b"\r\n" if data[at : at + 2] == b"\r\n" else byte if byte in b"\r\n" else b""
        if line_end:
            line += 1
        if state == "quoted":
            if byte == b'"':
                state = "closed"
            else:
                cell += line_end or byte
        elif state == "closed" and byte == b'"':
            state, cell = "quoted", cell + b'"'
        elif byte == delimiter:
            cells.append(cell)
            state, cell = "start", b""
        elif line_end:
            if state == "start" and not cells:
                account.blanks.append(record_line)
            else:
                account.records.append((record_line, [*cells, cell], data[record_start:at]))
                if account.last_is_doubtful:
                    account.refuse_last()
                    return account
            state, cell, cells = "start", b"", []
            record_line, record_start = line, at + len(line_end)
        elif state == "closed" or (byte == b'"' and state == "plain"):
            account.refusal = ("stray-quote", record_line)
            return account
        elif byte == b'"':
            state = "quoted"
        else:
            state, cell = "plain", cell + byte
        at += len(line_end) or 1
    account.physical_lines = line - 1
    if state == "quoted":
        account.refusal = ("unclosed-quote", record_line)
    elif record_start < len(data):
        account.records.append((record_line, [*cells, cell], data[record_start:]))
        account.unterminated_line = record_line
        account.physical_lines = line
        if account.last_is_doubtful:
            account.refuse_last()
    return account
