"""The page as one file of HTML: templates filled in, scripts and data inside, nothing fetched from anywhere.

What files say may be anything. In the HTML all of it is escaped; data for the scripts is JSON without a
character that could end its element; and a policy in the page allows the scripts that it was written with,
by their digests, no others, and no connection.
"""

import base64
import hashlib
import json
from importlib import resources

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mimic.report.page import words

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
SCRIPTS = ("theme.js", "figures.js", "studies.js", "grid.js", "win.js", "page.js")


def page_text(view):
    """The page.

    Parameters
    ----------
    view : dict
        What the templates show, ``data`` among it: JSON-ready values for the scripts.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "pct": lambda value: f"{value:.1f}",
        "signed": words.signed,
        "duration": words.duration,
        "count": words.count,
        "thousands": lambda value: f"{value:,}",
        "plural": words.plural,
        "unbroken": lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%"),
    }
    scripts = [script_text(get_plotlyjs()), script_text("\n".join(map(read_template, SCRIPTS)))]
    return environment.get_template("report.html.j2").render(
        view,
        policy=policy_of(scripts),
        style=Markup(read_template("report.css")),
        scripts=[Markup(script) for script in scripts],
        data=Markup(safe_json(view["data"])),
    )


def read_template(name):
    """Text of a file of the package's templates."""
    return resources.files("mimic.report.page").joinpath("templates", name).read_text(encoding="utf-8")


def safe_json(value):
    """JSON that may stand in a script element: no character of it means anything in HTML; NaN is refused."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def script_text(text):
    """A script as it may stand in an HTML file; a ValueError where it would end its element."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("script: expected no end of its element in it")
    return text


def policy_of(scripts):
    """Content security policy: these scripts, by digest, the page's own styles and pictures, nothing else."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
