"""What a metric's SELECT may use: what gives the same exact value whenever it is computed."""

from __future__ import annotations


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Functions that depend on nothing but their arguments, and not on the order of rows.
FUNCTIONS = _names(
    "count count_star count_if countif sum min max bool_and bool_or bit_and bit_or bit_xor "
    "decimal_average decimal_division + - * // % & | << >> || abs sign ceil ceiling floor round "
    "round_even trunc mod greatest least nullif if lower upper length len trim ltrim rtrim substr "
    "substring left right replace concat contains starts_with prefix ends_with suffix strpos "
    "split_part "
    "~~ !~~ like_escape not_like_escape row "
    "date_trunc datetrunc date_part datepart date_diff datediff date_sub datesub time_bucket "
    "year quarter month week day hour minute second dayofweek isodow dayofyear epoch_us "
    "epoch_ms"
)
WINDOW_FUNCTIONS = frozenset({"rank", "dense_rank"})

#: Window functions whose value says which of two tied rows came first.
ORDERED_WINDOW_FUNCTIONS = frozenset(
    {"row_number", "ntile", "lag", "lead", "first", "first_value", "last", "last_value"}
    | {"nth_value"}
)

_INEXACT = (
    "gives a DOUBLE, which is not exact. Divide with the metric's divide_by, or exactly with "
    "decimal_division(a, b, 18); average with decimal_average, of decimals"
)
_CLOCK = "changes from run to run; window_start and window_end say which time it is about"
_CHANCE = "changes from run to run"
_ORDER = "depends on the order of rows, which none has; use min, max, sum or count"
_ROUGH = "is approximate; use count(DISTINCT …), or aggregation percentile"
_PERCENTILE = "is not exact here; use aggregation percentile"
_ZONES = "takes the engine's time zones, which are not the pipeline's; set the metric's time_zone"

#: Why a function is refused, and what to use instead, where more is to say than the name.
REFUSED_FUNCTIONS = {
    name: reason
    for names, reason in (
        (
            "/ ^ ** avg mean pow power sqrt exp ln log log2 log10 epoch fsum favg kahan_sum",
            _INEXACT,
        ),
        ("now today current_date current_time current_timestamp get_current_time", _CLOCK),
        ("get_current_timestamp localtime localtimestamp current_localtime ago age", _CLOCK),
        ("current_localtimestamp transaction_timestamp", _CLOCK),
        ("random uuid gen_random_uuid uuidv4 uuidv7 nextval setseed hash", _CHANCE),
        ("current_setting getvariable getenv current_user user version", _CHANCE),
        ("first last any_value arbitrary list array_agg string_agg group_concat listagg", _ORDER),
        ("arg_max arg_min argmax argmin max_by min_by mode histogram", _ORDER),
        ("approx_count_distinct approx_quantile approx_top_k reservoir_quantile", _ROUGH),
        (
            "median quantile quantile_cont quantile_disc percentile_cont percentile_disc",
            _PERCENTILE,
        ),
        ("timezone strftime to_timestamp", _ZONES),
        ("to_days to_hours to_minutes to_seconds", "is not allowed; write INTERVAL '1 day'"),
        ("unnest generate_series range", "makes rows of its own; only those of events count"),
    )
    for name in names.split()
}

#: Types that a value may be cast to: exact ones.
CAST_TYPES = _names(
    "varchar text string char bpchar boolean bool tinyint smallint integer int bigint hugeint "
    "utinyint usmallint uinteger ubigint int1 int2 int4 int8 long short decimal dec numeric date "
    "timestamp datetime timestamptz interval"
) | {"timestamp with time zone"}

INEXACT_TYPES = frozenset({"DOUBLE", "FLOAT"})

#: Types that `value` may have; DECIMAL, with its digits, beside them.
WHOLE_TYPES = _names("TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT")

#: Nodes of a syntax tree that are fine by themselves; what is no key here or below is refused.
NODES = _names(
    "SELECT_NODE SET_OPERATION_NODE JOIN SUBQUERY EMPTY EXPRESSION_LIST ORDER_MODIFIER "
    "ORDER_DEFAULT ASCENDING DESCENDING VALUE_CONSTANT COLUMN_REF COMPARE_EQUAL COMPARE_NOTEQUAL "
    "COMPARE_LESSTHAN COMPARE_LESSTHANOREQUALTO COMPARE_GREATERTHAN COMPARE_GREATERTHANOREQUALTO "
    "COMPARE_DISTINCT_FROM COMPARE_NOT_DISTINCT_FROM COMPARE_BETWEEN COMPARE_IN COMPARE_NOT_IN "
    "CONJUNCTION_AND CONJUNCTION_OR OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL "
    "OPERATOR_COALESCE OPERATOR_CAST TYPE CASE_EXPR STAR"
)
JOINS = frozenset({"REGULAR", "NATURAL", "CROSS"})

REFUSED_NODES = {
    "RECURSIVE_CTE_NODE": "WITH RECURSIVE is not allowed",
    "TABLE_FUNCTION": "a table function is not allowed; only `events` is read",
    "SHOW_REF": "DESCRIBE and SHOW are not allowed; only `events` is read",
    "VALUE_PARAMETER": "a parameter is not allowed; write the value itself",
    "LAMBDA": "a lambda is not allowed",
    "COLLATE": "COLLATE is not allowed; texts are compared character by character",
    "OPERATOR_TRY": "TRY is not allowed; a value that cannot be computed must be noticed",
    "POSITIONAL_REFERENCE": "a column is named, not numbered",
}
