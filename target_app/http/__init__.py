"""What every answer is made of: responses, problem details, and the OpenAPI description."""
