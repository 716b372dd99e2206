"""`python -m vezne.app NAME`: one process of a deployment, as the supervisor starts it."""

from vezne.app.processes import main

main()
