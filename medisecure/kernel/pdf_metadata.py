"""Adding to the metadata (XMP) of a finished PDF/A what the PDF's own maker does not know of.

The objects of the PDF are written out again as they are, with the metadata grown: what was tagged and embedded stays,
and the same PDF gives the same bytes. PDF/A wants each property of a foreign schema described (ISO 19005-3 §6.6.2.3.2).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_SCHEMAS_END = "</rdf:Bag></pdfaExtension:schemas>"
_PROPERTIES_END = "</rdf:RDF>"


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    value: str
    description: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema of metadata and the values of its properties, all of them text that comes from outside the document."""

    title: str
    namespace: str
    prefix: str
    properties: Sequence[Property]


def describe(pdf: bytes, schema: Schema) -> bytes:
    """The PDF with the schema and its values in its metadata. Raises ValueError for a PDF without PDF/A's metadata."""
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    metadata = writer.root_object["/Metadata"].get_object()
    text = metadata.get_data().decode("utf-8")
    if text.count(_SCHEMAS_END) != 1 or text.count(_PROPERTIES_END) != 1:
        raise ValueError("no metadata of a PDF/A")
    text = text.replace(_SCHEMAS_END, _described(schema) + _SCHEMAS_END)
    text = text.replace(_PROPERTIES_END, _values(schema) + _PROPERTIES_END)
    metadata.set_data(text.encode("utf-8"))
    writer.pdf_header = pdf[:8].decode("ascii")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _described(schema: Schema) -> str:
    rows = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{escape(one.name)}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{escape(one.description)}</pdfaProperty:description>"
        "</rdf:li>"
        for one in schema.properties
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaSchema:schema>{escape(schema.title)}</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{escape(schema.namespace)}</pdfaSchema:namespaceURI>"
        f"<pdfaSchema:prefix>{escape(schema.prefix)}</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{rows}</rdf:Seq></pdfaSchema:property>"
        "</rdf:li>"
    )


def _values(schema: Schema) -> str:
    rows = "".join(
        f"<{schema.prefix}:{one.name}>{escape(one.value)}</{schema.prefix}:{one.name}>" for one in schema.properties
    )
    return f'<rdf:Description rdf:about="" xmlns:{schema.prefix}="{escape(schema.namespace)}">{rows}</rdf:Description>'
