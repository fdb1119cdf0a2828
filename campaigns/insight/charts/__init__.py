"""Charts as SVG, drawn on the server: no script, no inline style, a title and a description in each.

Colours are classes of the page's style sheet, so that they follow light and dark; series differ by pattern, dash and
marker as well. Beside each chart the page has the same figures as a table.
"""
