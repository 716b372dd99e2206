"""Where PayU answers: its own paths as they are documented, and ours under /payu."""

from starlette.routing import Route

from vezne.sandbox.payu import commands, pages, play

ROUTES = (
    Route("/_payment", pages.enter, methods=["POST"]),
    Route("/merchant/postservice.php", commands.answer, methods=["POST"]),
    Route("/payu/pay/{page}", pages.show, methods=["GET"]),
    Route("/payu/pay/{page}", pages.pay, methods=["POST"]),
    Route("/payu/pay/{page}/cancel", pages.cancel, methods=["POST"]),
    Route("/payu/pay/{page}/closed", pages.closed, methods=["GET"]),
    Route("/payu/play/dashboard", play.set_dashboard, methods=["PUT"]),
    Route("/payu/play/{txnid}", play.play, methods=["POST"]),
    Route("/payu/play/{txnid}/refunds", play.list_refunds, methods=["GET"]),
)
