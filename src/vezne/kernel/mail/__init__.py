"""Mail: a letter is written with what caused it, in one transaction, and a job sends it.

    templates = Letters("orders")                        # templates/*.mjml and *.txt, and messages.toml of vezne.orders
    body = templates.render("receipt", language="tr", order=order)
    await mail.post(tx, Letter(to="a@example.com", subject=…, html=body.html, text=body.text, purpose="receipt",
                               dedupe=f"receipt:{order_id}"))

It goes to the deployment's mail server, at least once and with the same Message-ID at every try; without a server it is kept as
a file in the data folder.
"""

from vezne.kernel.mail.letters import Attachment, Letter, Mail, sender_named
from vezne.kernel.mail.outbox import is_posted, post, post_all
from vezne.kernel.mail.rendering import Body, Letters

__all__ = ["Attachment", "Body", "Letter", "Letters", "Mail", "is_posted", "post", "post_all", "sender_named"]
