"""What crosses a boundary: lanes, topics, the event envelope and one module of events per publisher."""
