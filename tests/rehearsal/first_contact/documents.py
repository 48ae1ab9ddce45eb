"""OpenAPI documents as frameworks write them."""

from typing import Any

FASTAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Winter Fest — Shop!"},
    "paths": {
        "/shows/{show}": {"get": {"responses": {"200": {}}}},
        "/logout": {"post": {"operationId": "log_out_session", "responses": {}}},
        "/session": {
            "post": {
                "operationId": "log_in",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Login"}}
                    }
                },
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Token"}}
                        }
                    }
                },
            }
        },
        "/shows/{show}/orders": {
            "get": {"responses": {"200": {}}},
            "post": {
                "operationId": "place_order",
                "parameters": [{"name": "show", "in": "path", "schema": {"example": "winterfest"}}],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "required": ["quantity"],
                                "properties": {
                                    "quantity": {"type": "integer"},
                                    "voucher": {"type": "string"},
                                },
                            }
                        }
                    }
                },
                "responses": {
                    "201": {
                        "content": {
                            "application/json": {"schema": {"properties": {"reference": {}}}}
                        }
                    },
                    "409": {},
                    "403": {},
                    "425": {},
                },
            },
        },
        "/orders/{order}/refund": {"post": {"responses": {}}},
    },
    "components": {
        "schemas": {
            "Login": {
                "required": ["email", "password"],
                "properties": {"email": {"type": "string"}, "password": {"type": "string"}},
            },
            "Token": {"properties": {"access_token": {"type": "string"}}},
        }
    },
}

SWAGGER_2: dict[str, Any] = {
    "swagger": "2.0",
    "basePath": "/api/v1",
    "info": {"title": "Tickets"},
    "paths": {
        "/auth/signIn": {
            "post": {
                "parameters": [
                    {"name": "username", "in": "formData", "type": "string", "required": True},
                    {"name": "passwd", "in": "formData", "type": "string", "required": True},
                ],
                "responses": {"200": {"schema": {"properties": {"ok": {}}}}},
            }
        },
        "/tickets": {
            "post": {
                "summary": "Buy a ticket",
                "parameters": [
                    {
                        "name": "body",
                        "in": "body",
                        "schema": {"properties": {"seat": {"type": "string", "example": "A1"}}},
                    }
                ],
                "responses": {"201": {"schema": {"properties": {"ticketId": {}}}}},
            }
        },
    },
}

SPECTACULAR = b"""\
openapi: 3.0.3
info: {title: Show Tickets, version: 2026-11-29}
servers:
  - url: /v1
paths:
  /login/:
    post:
      operationId: login_create
      requestBody:
        content:
          application/json:
            schema: &credentials
              required: [username, password]
              properties:
                username: {type: string}
                password: {type: string}
      responses: {200: {content: {application/json: {schema: {properties: {token: {}}}}}}}
  /shows/{show}/:
    get: {responses: {200: {}}}
  /shows/{show}/orders/:
    parameters:
      - {name: show, in: path, schema: {type: integer}, example: 7}
    post:
      operationId: orders_create
      requestBody:
        content:
          application/json:
            schema: *credentials
      responses: {201: {}, 409: {description: "sold out"}, default: {}}
"""
"""As drf-spectacular writes them: in YAML, numbers as keys, a date unquoted, an alias."""

SPRINGFOX = b"""\
# a comment before it
swagger: "2.0"
basePath: /api
paths:
  /tickets/purchase:
    post:
      parameters:
      - {name: seat, in: formData, type: string, required: true}
      responses: {"200": {description: bought}}
"""
