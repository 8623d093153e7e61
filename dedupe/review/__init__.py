"""The local web page on which a person decides, group by group."""
