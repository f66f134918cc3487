"""The filter builder: a form of buttons and fields that makes a tree, with or without JavaScript.

`sketch` reads what was posted into a tree that may be incomplete, `acts` changes it as a button says, `rows` is what
the templates show. Only `segments.tree` decides whether a sketch is a filter.
"""
