"""How the keys of each door look. Light to import: the command line makes keys without the web framework."""

from collections.abc import Mapping

from caesura.domain.api_key import KeyForm

NATIVE = KeyForm("native", "cae_", ".")

KEY_FORMS: Mapping[str, KeyForm] = {
    form.dialect: form
    for form in (
        NATIVE,
        KeyForm("leadterra", "sk_live_"),
        KeyForm("leadlex", "wbk_"),
        KeyForm("autosend", "AS_"),
        KeyForm("woodpecker", ""),
    )
}
"""By dialect."""
