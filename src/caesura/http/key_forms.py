"""How the keys of each door look, what they may do, and how often. Light to import: the command line makes keys
without the web framework.
"""

from collections.abc import Mapping

from caesura.domain.api_key import Allowance, KeyForm

NATIVE = KeyForm("native", "cae_", ".")

_DAY = 86_400

# This vendor's pages name permissions in three styles; a key may have any, and its door knows which mean the same.
_LEADLEX_RESOURCES = ("campaigns", "contacts", "webhooks", "companies", "deals", "activities")
_LEADLEX_PERMISSIONS = (
    *("read", "write", "lexi"),
    *(f"{resource}:{verb}" for resource in _LEADLEX_RESOURCES for verb in ("read", "write")),
    *(f"{verb}:{resource}" for resource in _LEADLEX_RESOURCES for verb in ("read", "write")),
    *("write:email", "write:enrich", "write:ai", "admin:api_keys", "admin:webhooks"),
)
_LEADLEX_PLANS = {
    "org": (Allowance("minute", 60, 200), Allowance("day", _DAY, 10_000)),
    "pro": (Allowance("minute", 60, 50), Allowance("day", _DAY, 1_000)),
    "starter": (Allowance("minute", 60, 10), Allowance("day", _DAY, 100)),
    "high": (Allowance("minute", 60, 2_000), Allowance("day", _DAY, 100_000)),
}
_AUTOSEND_PLANS = {
    "usual": (Allowance("minute", 60, 120),),
    "raised": (Allowance("minute", 60, 6_000),),
}

KEY_FORMS: Mapping[str, KeyForm] = {
    form.dialect: form
    for form in (
        NATIVE,
        KeyForm("leadterra", "sk_live_"),
        KeyForm("leadlex", "wbk_", permissions=_LEADLEX_PERMISSIONS, plans=_LEADLEX_PLANS),
        KeyForm("autosend", "AS_", plans=_AUTOSEND_PLANS),
        KeyForm("woodpecker", ""),
    )
}
"""By dialect."""

ACCOUNT_FORMS: Mapping[str, KeyForm] = {
    "native": NATIVE,
    "autosend": KeyForm("autosend", "ASA_", plans=_AUTOSEND_PLANS),
}
"""How keys look that open every workspace, by dialect: those that have them."""
