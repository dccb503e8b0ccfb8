"""The pages of Bookinfo, and the cookie that says who has signed in.

Markup that people and scripts look for is as in Istio's pages: the title, a ``glyphicon-star`` for
each star, the colour of the stars, "Reviews served by:", and what is said where a service fails.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from string import Template
from typing import Any, Final

SESSION_KEY: Final = os.environ.get("SESSION_KEY", "bookinfo").encode()
"""Equal in all replicas. Anybody may sign in by any name, so that it is known does no harm."""

STYLE: Final = """
:root { font: 16px/1.5 system-ui, "Liberation Sans", sans-serif; color: #1f2937; }
body { margin: 0; }
nav { display: flex; justify-content: space-between; align-items: center; padding: .8rem 2rem;
  background: #1f2937; color: #f9fafb; }
nav form { display: flex; gap: .5rem; margin: 0; }
nav a { color: #9ca3af; margin-left: .8rem; }
input, button { font: inherit; padding: .3rem .6rem; border: 1px solid #9ca3af;
  border-radius: 4px; }
button { background: #2563eb; border-color: #2563eb; color: white; }
main { padding: 1rem 2rem; }
main > p { max-width: 60rem; }
h1 { color: #1e3a8a; font-size: 2.4rem; margin: .6rem 0; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .4rem 1.2rem .4rem 0; border-bottom: 1px solid #d1d5db; }
.reviews { display: flex; gap: 2rem; background: #eff6ff; padding: 1rem 2rem; margin: 0 -2rem; }
blockquote { margin: 0; flex: 1; font-weight: 600; }
blockquote footer { font-weight: 400; font-size: .9rem; margin-top: .6rem; }
.stars { font-size: 1.4rem; }
.error { color: #dc2626; }
code { font-family: "Liberation Mono", monospace; }
"""

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simple Bookstore App</title>
<link rel="stylesheet" href="/static/bookinfo.css">
</head>
<body>
$body
</body>
</html>
""")

_PRODUCT: Final = Template("""<nav>
<strong>BookInfo Sample</strong>
$user
</nav>
<main>
<h1>$title</h1>
<p>$description</p>
$details
$reviews
</main>""")

_SIGN_IN: Final = """<form method="post" action="login" name="login_form">
<input id="username" name="username" placeholder="Username" aria-label="Username" required>
<input name="passwd" type="password" placeholder="Password, any" aria-label="Password">
<button type="submit">Sign in</button>
</form>"""

_COLUMNS: Final = (
    ("ISBN-10", "ISBN-10"),
    ("Publisher", "publisher"),
    ("Pages", "pages"),
    ("Type", "type"),
    ("Language", "language"),
)


def sign(user: str) -> str:
    """The value of a cookie that proves that ``user`` signed in here."""
    said = base64.urlsafe_b64encode(user.encode()).decode().rstrip("=")
    return f"{said}.{_signature(said)}"


def signed_in(cookies: str) -> str:
    """The user whom a ``Cookie`` header proves; empty where it proves none."""
    try:
        session = SimpleCookie(cookies).get("session")
    except CookieError:
        return ""
    said, _, signature = session.value.partition(".") if session else ("", "", "")
    if not said or not hmac.compare_digest(signature.encode(), _signature(said).encode()):
        return ""
    return base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode("utf-8", "replace")


def _signature(said: str) -> str:
    return hmac.new(SESSION_KEY, said.encode(), hashlib.sha256).hexdigest()[:32]


def index() -> str:
    return _PAGE.substitute(
        body="<main><h1>Bookinfo</h1><p>Hello! This is a simple bookstore application: "
        "<code>productpage</code> asks <code>details</code> and <code>reviews</code>, and "
        "<code>reviews</code> asks <code>ratings</code>.</p>"
        '<p><a href="/productpage?u=normal">Normal user</a> '
        '<a href="/productpage?u=test">Test user</a></p></main>'
    )


def product_page(
    *,
    user: str,
    product: Mapping[str, Any],
    details: tuple[int, Any],
    reviews: tuple[int, Any],
) -> str:
    """``details`` and ``reviews`` are status and JSON, as their services answered."""
    return _PAGE.substitute(
        body=_PRODUCT.substitute(
            user=_signed_in_as(user) if user else _SIGN_IN,
            title=escape(product["title"]),
            description=product["descriptionHtml"],
            details=_details(*details),
            reviews=_reviews(*reviews),
        )
    )


def _signed_in_as(user: str) -> str:
    return f'<span id="user">{escape(user)}<a href="logout">Sign out</a></span>'


def _error(what: str, said: Mapping[str, Any]) -> str:
    return f'<h4 class="error">Error fetching product {what}!</h4><p>{escape(said["error"])}</p>'


def _details(status: int, found: Mapping[str, Any]) -> str:
    if status != 200:
        return _error("details", found)
    head = "".join(f'<th scope="col">{title}</th>' for title, _ in _COLUMNS)
    row = "".join(f"<td>{escape(str(found.get(name, '')))}</td>" for _, name in _COLUMNS)
    return (
        f"<h4>Book Details</h4>\n<table><thead><tr>{head}</tr></thead>"
        f"<tbody><tr>{row}</tr></tbody></table>"
    )


def _reviews(status: int, found: Mapping[str, Any]) -> str:
    if status != 200:
        return _error("reviews", found)
    served_by = f"Reviews served by: {escape(str(found['podname']))}"
    if found.get("clustername", "null") != "null":
        served_by += f" on cluster {escape(str(found['clustername']))}"
    quotes = "\n".join(
        f"<blockquote>{_stars(review.get('rating') or {})}\n<p>{escape(review['text'])}</p>\n"
        f"<footer>{escape(review['reviewer'])}<br><code>{served_by}</code></footer></blockquote>"
        for review in found["reviews"]
    )
    return f'<h4>Book Reviews</h4>\n<div class="reviews">\n{quotes}\n</div>'


def _stars(rating: Mapping[str, Any]) -> str:
    if "error" in rating:
        return f'<p class="error">{escape(rating["error"])}</p>'
    if "stars" not in rating:
        return ""
    colour, count = escape(str(rating["color"])), int(rating["stars"])
    stars = '<span class="glyphicon glyphicon-star">&#9733;</span>\n' * count
    empty = "<span>&#9734;</span>\n" * (5 - count)
    return (
        f'<div class="stars text-{colour}-500" aria-label="{count} of 5 stars">'
        f'<font color="{colour}">\n{stars}{empty}</font></div>'
    )
