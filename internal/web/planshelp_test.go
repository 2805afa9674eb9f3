package web

import (
	"net/http"
	"net/http/httptest"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newRequest(address string) *http.Request {
	return httptest.NewRequest(http.MethodGet, address, http.NoBody)
}
