// Answers with its caller's identity. `go run main.go PORT`
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

// Caller is who the sidecar verified.
type Caller struct {
	ID      string `json:"id"`
	Cell    string `json:"cell,omitempty"`
	Service string `json:"service,omitempty"`
}

// callerOf reads the sidecar's headers; false if the caller has no identity.
func callerOf(header http.Header) (Caller, bool) {
	id := header.Get("X-Cellwall-Peer-Id")
	return Caller{
		ID:      id,
		Cell:    header.Get("X-Cellwall-Peer-Cell"),
		Service: header.Get("X-Cellwall-Peer-Service"),
	}, id != ""
}

func main() {
	port := "8080"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "application/json")
		var answer any
		caller, known := callerOf(request.Header)
		answer = caller
		if !known {
			response.WriteHeader(http.StatusUnauthorized)
			answer = map[string]string{"error": "a certificate of the mesh is required"}
		}
		if err := json.NewEncoder(response).Encode(answer); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
