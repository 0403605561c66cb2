"""The fields that the tests of conditions and of SELECTs speak about."""

from __future__ import annotations

from usage_pipeline.schema import FieldSpec

FIELDS = {
    "customer_id": FieldSpec(type="string"),
    "timestamp": FieldSpec(type="timestamp"),
    "region": FieldSpec(type="string"),
    "note": FieldSpec(type="string"),
    "calls": FieldSpec(type="integer", usage=True),
    "quota": FieldSpec(type="integer"),
    "gb": FieldSpec(type="decimal"),
    "price": FieldSpec(type="decimal", precision=10, scale=2),
    "thin": FieldSpec(type="decimal", precision=38, scale=30),
    "paid": FieldSpec(type="boolean"),
    "live": FieldSpec(type="boolean"),
    "seen": FieldSpec(type="timestamp"),
}
