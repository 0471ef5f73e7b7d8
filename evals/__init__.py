"""Questions with known answers, put to the tools by a script or by a model."""
