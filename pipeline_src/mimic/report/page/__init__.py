"""The report as one page of HTML: what it shows, part by part."""
