"""What a notebook shows: cards, tables and players, as HTML, and cards that change in place.

`pieces` makes HTML of plain texts and is pure: all that is shown is escaped, and only addresses of
http and https become links or players. `display` passes it to IPython, which is no dependency: it
is used where it runs already.
"""
