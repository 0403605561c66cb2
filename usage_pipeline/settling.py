"""The ledger follows the decisions of the register, and the register what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from usage_pipeline.intake import Archive
from usage_pipeline.intake.look import Look
from usage_pipeline.ledger import (
    ConflictRefused,
    Decided,
    Followed,
    Outdated,
    Refusal,
    Standing,
    follow,
    open_ledger,
    standings,
)
from usage_pipeline.ledger.preview import located
from usage_pipeline.ledger.rivals import Losses
from usage_pipeline.metering.refresh import touched_windows
from usage_pipeline.register import Decision, Register, Upload
from usage_pipeline.register.decisions import Known
from usage_pipeline.schema import EventSchema
from usage_pipeline.validation.check_files import first_of_each, with_conflicts
from usage_pipeline.validation.findings import read_error_file, write_error_file
from usage_pipeline.warehouse.connection import Connection


@dataclass(frozen=True, slots=True)
class Settling:
    """One schema's stores, which are brought to agree.

    distinct: mapped frames in which no event is twice, and what they looked like when that was
    found.
    """

    schema: EventSchema
    archive: Archive
    register: Register
    distinct: Mapping[Path, Look]

    def follow_warehouse(self, connection: Connection) -> list[str]:
        """Have the register follow the ledger; returns uploads that the ledger has lost."""
        stands = {one.upload: one for one in standings(connection, self.schema)}
        lost = []
        for known in self.register.decisions.known(self.schema.name):
            there = stands.get(known.upload)
            if there is not None and known != _as_known(there):
                self._record(there)
            elif there is None and known.followed is not None:
                lost.append(known.upload)
        return lost

    def _record(self, stands: Standing, losses: Losses | None = None) -> Upload:
        return self.register.decisions.followed(
            stands.upload,
            self.schema.name,
            stands.decision,
            stands.place,
            stands.schema_version,
            active=stands.active,
            counts=stands.counts,
            conflicts=losses.conflicts if losses else None,
        )

    def settle(
        self, connection: Connection, asked: Iterable[Upload] = ()
    ) -> Iterator[tuple[Upload, Followed | Refusal]]:
        """Have the ledger follow every decision that it has not followed yet.

        Yields each upload with where it stands then, or with why that cannot be; those `asked`
        for too, and others of whose rows more or fewer count now.
        """
        open_ledger(connection, self.schema)
        due = self.register.decisions.due(self.schema.name, {one.upload for one in asked})
        followed = follow(
            map(self._decided, due),
            self.schema,
            connection,
            before_commit=self._before_commit,
            most_conflicts=self.schema.csv.max_errors,
        )
        touched: dict[str, Standing] = {}
        for decision, outcome in zip(due, followed, strict=True):
            if isinstance(outcome, Followed):
                touched.pop(decision.upload.upload, None)
                touched |= {one.upload: one for one in outcome.touched}
                if outcome.standing is not None:
                    yield self._record(outcome.standing, outcome.losses), outcome
            elif isinstance(outcome, ConflictRefused):
                yield self._refused(decision, outcome), outcome
            elif isinstance(outcome, Outdated):
                continue
            else:
                yield decision.upload, outcome
        for stands in touched.values():
            yield self._record(stands), Followed(stands)

    def _decided(self, decision: Decision) -> Decided:
        upload, version = decision.upload.upload, decision.schema_version
        frame = self.archive.mapped(self.schema.name, upload, version)
        known = self.distinct.get(frame)
        distinct = known is not None and frame.exists() and Look.at(frame) == known
        return Decided(upload, decision.id, decision.active, version, frame, distinct)

    def _before_commit(self, decided: Decided, place: int, slots: list[datetime]) -> bool:
        return self.register.decisions.committing(
            decided.upload,
            self.schema.name,
            decided.decision,
            place,
            touched_windows(self.schema, slots),
        )

    def _refused(self, decision: Decision, refusal: ConflictRefused) -> Upload:
        """Put the conflicts beside the errors of the upload, and take the decision back."""
        upload, version = decision.upload, decision.schema_version
        verdict = self.register.verdict(upload, version)
        comes_back = upload.state == "confirmed" and upload.followed is not None
        if verdict is not None and not comes_back:
            error_file = self.archive.errors(upload.schema, upload.upload, version)
            known = read_error_file(error_file)
            others = [one for one in known if one.code != "conflict-with-ledger"]
            errors = [located(rival, verdict.mapping) for rival in refusal.first]
            kept = first_of_each([*others, *errors], self.schema, self.schema.csv.max_errors)
            write_error_file(kept, self.schema, error_file)
            verdict = with_conflicts(verdict, refusal.count)
        return self.register.decisions.conflict(
            decision, str(refusal), None if comes_back else verdict
        )


def _as_known(stands: Standing) -> Known:
    """What the register knows where it agrees with the ledger."""
    return Known(
        stands.upload,
        stands.decision,
        stands.schema_version,
        stands.place,
        stands.ingested,
        stands.duplicates,
        stands.superseded,
    )
