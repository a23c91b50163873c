"""The forms of all doors' webhooks, by dialect.

A door's author writes a class with what `domain.webhook_form.WebhookForm` asks for, in `http/<door>/webhooks.py` beside
the door's routes, and puts one object of it in here. Nothing else is needed: the fan-out asks it what to tell and in
which words, and the courier how to sign it, how long to wait and when to try again. Routes call `service.webhooks` with
the form; `service.webhooks.send` sends tests.
"""

from collections.abc import Mapping

from caesura.domain.webhook_form import WebhookForm
from caesura.http.autosend.webhook_form import AUTOSEND_WEBHOOKS
from caesura.http.leadlex.webhook_form import LEADLEX_WEBHOOKS
from caesura.http.leadterra.webhook_form import LEADTERRA_WEBHOOKS
from caesura.http.native.webhook_form import NATIVE
from caesura.http.woodpecker.webhooks import WOODPECKER_WEBHOOKS

_ALL = (NATIVE, LEADTERRA_WEBHOOKS, LEADLEX_WEBHOOKS, AUTOSEND_WEBHOOKS, WOODPECKER_WEBHOOKS)
FORMS: Mapping[str, WebhookForm] = {form.dialect: form for form in _ALL}
