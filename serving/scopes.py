"""What a key must be let do to call a route, by the route's template: the one table of it."""

import re
from collections.abc import Mapping

OPEN = ""  # asks for no key: it tells nothing of customers, or has a secret of its own

# A path that is not here is not answered, even if the app has a route for it.
ROUTES: Mapping[str, str] = {
    "/livez": OPEN,
    "/readyz": OPEN,
    "/openapi.json": OPEN,
    "/swagger.json": OPEN,
    "/v1/scores": "scores",
    "/v1/explanations": "scores",
    "/v1/replays": "scores",
    "/v1/movements": "scores",
    "/v1/compat/{target}/invocations": "scores",
    "/v1/transactions": "rows",
    "/v1/interactions": "rows",
    "/v1/hooks/{source}/{token}": OPEN,
    "/v1/models": "models",
    "/v1/models/{target}": "models",
    "/v1/jobs": "jobs",
    "/v1/jobs/{job_id}": "jobs",
    "/v1/jobs/{job_id}/results": "jobs",
    "/v1/jobs/{job_id}/cancel": "jobs",
    "/v1/privacy/erasures": "privacy",
    "/v1/privacy/exports": "privacy",
    "/v2": "models",
    "/v2/health/live": OPEN,
    "/v2/health/ready": OPEN,
    "/v2/models/{model}": "models",
    "/v2/models/{model}/ready": "models",
    "/v2/models/{model}/infer": "scores",
    "/v2/models/{model}/versions/{version}": "models",
    "/v2/models/{model}/versions/{version}/ready": "models",
    "/v2/models/{model}/versions/{version}/infer": "scores",
}


def shape_path(template: str) -> str:
    """Return the template with its parameters unnamed: names may differ, places may not."""
    return re.sub(r"{[^}]*}", "{}", template)


def find_scope(path: str) -> str | None:
    """Return what a key must be let do to call the path; None where the path is not one of ours."""
    scope = ROUTES.get(path)
    if scope is not None:
        return scope
    return next((scope for form, scope in _FORMS if form.fullmatch(path)), None)


def _compile(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in shape_path(template).split("{}")))


_FORMS = tuple((_compile(route), scope) for route, scope in ROUTES.items() if "{" in route)
