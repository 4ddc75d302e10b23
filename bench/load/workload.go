package main

// What every server serves: the file that bench/xds/workload.ts writes. A client knows all names from it and decodes no resource.

import (
	"encoding/json"
	"os"
)

type resourceType struct {
	Kind  string
	URL   string
	Names []string
	index map[string]int
	// The wildcard is asked for by naming nothing.
	wildcard bool
}

func readWorkload(path string) ([]*resourceType, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Types []struct {
			Kind      string `json:"kind"`
			TypeURL   string `json:"typeUrl"`
			Resources []struct {
				Name string `json:"name"`
			} `json:"resources"`
		} `json:"types"`
		Secrets struct {
			TypeURL string   `json:"typeUrl"`
			Names   []string `json:"names"`
		} `json:"secrets"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	var types []*resourceType
	for _, t := range file.Types {
		one := &resourceType{Kind: t.Kind, URL: t.TypeURL, wildcard: t.Kind == "CDS" || t.Kind == "LDS"}
		for _, r := range t.Resources {
			one.Names = append(one.Names, r.Name)
		}
		types = append(types, one)
	}
	types = append(types, &resourceType{Kind: "SDS", URL: file.Secrets.TypeURL, Names: file.Secrets.Names})
	for _, t := range types {
		t.index = map[string]int{}
		for i, name := range t.Names {
			t.index[name] = i
		}
	}
	return types, nil
}
