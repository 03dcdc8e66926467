"""How fast the services are beside a floor, a ceiling and each other, all in one run on the same data."""
