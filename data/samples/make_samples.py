"""Makes the sample files beside it; the same bytes every time."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).parent
CUSTOMERS = ["acme", "globex", "initech", "umbrella", "wayne"]
REGIONS = ["us-east", "us-west", "eu-west", "ap-south"]
API_HEADER = ["Event ID", "Account", "When", "API Calls", "Storage GB", "region"]


def api_events(seed: int, first_day: datetime, days: int, per_day: int) -> list[list[str]]:
    """Events of a few customers, in order of time."""
    draw = random.Random(seed)  # noqa: S311
    rows = []
    for number in range(days * per_day):
        when = first_day + timedelta(minutes=number * 1440 // per_day + draw.randrange(5))
        rows.append(
            [
                f"evt-{seed}-{number:05d}",
                draw.choice(CUSTOMERS),
                when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                str(draw.randrange(1, 500)),
                str(Decimal(draw.randrange(1, 10**7)).scaleb(-5)),
                draw.choice([*REGIONS, ""]),
            ]
        )
    return rows


def write(path: str, header: list[str], rows: list[list[str]]) -> None:
    with (HERE / path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def api_usage() -> None:
    week = api_events(1, datetime(2024, 10, 1), days=7, per_day=48)  # noqa: DTZ001
    next_week = api_events(2, datetime(2024, 10, 8), days=7, per_day=48)  # noqa: DTZ001
    write("api_usage/2024-10-week-1.csv", API_HEADER, week)
    # The last day of week 1 was exported again with week 2, as exports do.
    write("api_usage/2024-10-week-2.csv", API_HEADER, week[-48:] + next_week)
    broken = api_events(3, datetime(2024, 10, 15), days=1, per_day=12)  # noqa: DTZ001
    broken[1][3] = "-20"
    broken[3][2] = "15/10/2024 08:00"
    broken[5][4] = "1,250.5"
    broken[7][1] = ""
    broken[9] = broken[9][:-2]
    write("api_usage/2024-10-15-broken.csv", API_HEADER, broken)


def storage_summary() -> None:
    draw = random.Random(4)  # noqa: S311
    rows = [
        [
            customer,
            f"2024-10-{day:02d}",
            storage_class,
            str(Decimal(draw.randrange(10**6)).scaleb(-3)),
            str(draw.randrange(10_000)),
        ]
        for day in range(1, 32)
        for customer in CUSTOMERS
        for storage_class in ("standard", "archive")
    ]
    write(
        "storage_summary/2024-10.csv",
        ["Customer", "Date", "Class", "GB Hours", "Requests"],
        rows,
    )


def focus_usage() -> None:
    draw = random.Random(5)  # noqa: S311
    header = [
        "BilledCost",
        "BillingCurrency",
        "ChargeCategory",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ConsumedQuantity",
        "ConsumedUnit",
        "RegionId",
        "ResourceId",
        "ServiceName",
        "SkuId",
        "SubAccountId",
    ]
    services = {
        "Object Storage": ("GB-Months", "SKU-STORE"),
        "Virtual Machines": ("Hours", "SKU-VM"),
        "Message Queue": ("Requests", "SKU-QUEUE"),
    }
    rows = []
    for hour in range(72):
        start = datetime(2024, 10, 1) + timedelta(hours=hour)  # noqa: DTZ001
        for account in ("51001", "51002"):
            service, (unit, sku) = draw.choice(list(services.items()))
            quantity = Decimal(draw.randrange(1, 10**9)).scaleb(-9)
            rows.append(
                [
                    str((quantity * Decimal("0.0230")).quantize(Decimal("1e-11"))),
                    "USD",
                    "Usage",
                    f"{start + timedelta(hours=1):%Y-%m-%d %H:%M:%S}",
                    f"{start:%Y-%m-%d %H:%M:%S}",
                    str(quantity),
                    unit,
                    draw.choice(["eu-central", "us-east"]),
                    draw.choice([f"res-{account}-{sku.lower()}", "NULL"]),
                    service,
                    sku,
                    account,
                ]
            )
    write("focus_usage/2024-10-focus.csv", header, rows)


if __name__ == "__main__":
    api_usage()
    storage_summary()
    focus_usage()
