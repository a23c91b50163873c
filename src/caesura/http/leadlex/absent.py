"""What the vendor documents and is no part of campaigns: it says that it is not supported."""

from caesura.http.leadlex.door import ADMINISTER_KEYS, LEADLEX, LEXI

_COMPANIES, _DEALS, _CALENDAR = "companies", "deals", "calendars"
_NOTES, _TASKS, _ACTIVITIES = "notes on contacts", "tasks of a CRM", "activities"
_EMAIL, _ENRICH, _AI, _PROSPECTS = "single mails and threads", "enrichment", "writing by an AI", "search for prospects"

for method, path, permission, what in (
    ("GET", "/v1/companies", "read", _COMPANIES),
    ("GET", "/v1/companies/{id}", "read", _COMPANIES),
    ("POST", "/v1/companies", "write:companies", _COMPANIES),
    ("PATCH", "/v1/companies/{id}", "write:companies", _COMPANIES),
    ("DELETE", "/v1/companies/{id}", "write:companies", _COMPANIES),
    ("POST", "/v1/import/companies", "write:companies", _COMPANIES),
    ("GET", "/v1/deals", "read:deals", _DEALS),
    ("GET", "/v1/deals/{id}", "read:deals", _DEALS),
    ("POST", "/v1/deals", "deals:write", _DEALS),
    ("POST", "/v1/deals/bulk", "deals:write", _DEALS),
    ("PATCH", "/v1/deals/{id}", "deals:write", _DEALS),
    ("DELETE", "/v1/deals/{id}", "deals:write", _DEALS),
    ("POST", "/v1/deals/{id}/notes", "deals:write", _DEALS),
    ("GET", "/v1/tasks", "read", _TASKS),
    ("POST", "/v1/tasks", "activities:write", _TASKS),
    ("PATCH", "/v1/tasks/{id}", "activities:write", _TASKS),
    ("POST", "/v1/activities", "activities:write", _ACTIVITIES),
    ("POST", "/v1/notes", "contacts:write", _NOTES),
    ("GET", "/v1/contacts/{id}/notes", "contacts:read", _NOTES),
    ("POST", "/v1/contacts/{id}/notes", "contacts:write", _NOTES),
    ("GET", "/v1/calendar/events", "read", _CALENDAR),
    ("POST", "/v1/calendar/sync", "write", _CALENDAR),
    ("POST", "/v1/email/send", "write:email", _EMAIL),
    ("GET", "/v1/email/threads", "read", _EMAIL),
    ("GET", "/v1/email/threads/{id}", "read", _EMAIL),
    ("POST", "/v1/email/sync", "write:email", _EMAIL),
    ("POST", "/v1/email/enrich", "write:enrich", _ENRICH),
    ("POST", "/v1/enrich/contact", "write:enrich", _ENRICH),
    ("POST", "/v1/enrich/company", "write:enrich", _ENRICH),
    ("POST", "/v1/enrich/email", "write:enrich", _ENRICH),
    ("POST", "/v1/lexi/chat", LEXI, _AI),
    ("POST", "/v1/lexi/personalize-email", LEXI, _AI),
    ("POST", "/v1/ai/suggest-followups", "write:ai", _AI),
    ("POST", "/v1/prospects/search", "write:ai", _PROSPECTS),
    ("POST", "/v1/prospector/search", "write:ai", _PROSPECTS),
    ("GET", "/v1/audit-logs", ADMINISTER_KEYS, "the audit log of accounts"),
):
    LEADLEX.lacks(method, path, permission, what)
