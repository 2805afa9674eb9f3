package web

import (
	"net/http"
	"net/http/httptest"

	"golang.org/x/net/html"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newRequest(address string) *http.Request {
	return httptest.NewRequest(http.MethodGet, address, http.NoBody)
}

type htmlAttribute = html.Attribute
