"""The composition root: the only place that knows every slice, and puts them together into processes."""
