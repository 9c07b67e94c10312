"""Keeps requests to sizes that reach the routes.

A request line with its headers has at most a few kilobytes; whatever is larger is answered by the
HTTP library, before any route is known.
"""

import schemathesis

LARGEST = 3_000


@schemathesis.hook
def filter_query(context, query):
    return len(str(query)) < LARGEST


@schemathesis.hook
def filter_headers(context, headers):
    return len(str(headers)) < LARGEST
