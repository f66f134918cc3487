"""Filters: a tree of conditions over customers, read strictly, said as a sentence, compiled once to parametrised SQL.

`tree` reads and writes what is stored; `registry` knows the fields, which the apps that own the data register;
`compiler` makes one SELECT of a tree; `counting` counts it. A value of a user is only ever a named parameter.
"""
